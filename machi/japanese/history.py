"""What `machi.commands.history` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "JSON-LD context that names are read and shown by; the core context if left out.": (
        "名前の読み書きに使う JSON-LD コンテキスト。省くとコアコンテキスト。"
    ),
    "Bring data in.": "データを取り込む。",
    "Take data out.": "データを取り出す。",
    "{count} instances of {source} are history": "{source} の {count} 件が履歴になりました",
    "Bring the file SOURCE into history, with the data's own times.": (
        """ファイル SOURCE を、データ自身の時刻のまま履歴に取り込む。

        時刻の列を持つ CSV か JSON Lines。属性は attribute と value の列か、属性ごとの列で。または
        NGSI-LD の時系列エンティティを、一行に一つ(.jsonl)か一つのファイル(.json)で。ブローカーは
        止めておく。中断したら、もう一度実行すると続きから始まる。既にある履歴は重複しない。
        """
    ),
    "What the file is, where its name does not tell.": "名前で分からないときのファイルの形式。",
    "Entity, where there is no column id.": "id の列がないときのエンティティ。",
    "Type, where there is no column type.": "type の列がないときの型。",
    "Column with the time of each row.": "各行の時刻の列。",
    "Time zone of times that name none, such as Asia/Tokyo.": (
        "時刻に時間帯がないときの時間帯。例 Asia/Tokyo。"
    ),
    "{count} instances are in {output}": "{count} 件を {output} に書きました",
    "Take series out of history as a table, also beside a running broker.": (
        """履歴の時系列を表として取り出す。動いているブローカーの横でもできる。

        直前の一秒ほどの変化は含まれないことがある。CSV は machi import history で読み戻せる。
        データが含まれる人の閲覧記録に残る。動作中のブローカーがあれば、それが書く。
        """
    ),
    "File to write, .csv or .parquet; CSV to the standard output if left out.": (
        "書き出すファイル、.csv か .parquet。省くと標準出力に CSV。"
    ),
    "Only this entity; repeatable.": "このエンティティだけ。繰り返し指定できる。",
    "Only entities of this type; repeatable.": "この型のエンティティだけ。繰り返し指定できる。",
    "Only this one; repeatable.": "この属性だけ。繰り返し指定できる。",
    "Only what was observed then or later.": "この時刻以後に観測されたものだけ。",
    "Only what was observed earlier.": "この時刻より前に観測されたものだけ。",
    "It cannot be noted whose data are taken out: {error}": (
        "誰のデータを書き出すかを記録できません: {error}"
    ),
    "Give the broker that runs on these data with --broker, or stop it.": (
        "このデータで動いているブローカーを --broker で示すか、止めてください。"
    ),
    "What was read before it is kept.": "それより前に読んだものは残っています。",
}
