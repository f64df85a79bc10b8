"""What `machi.commands.box` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Write the key of a key box into a file, as whoever sets up the box needs it.": (
        """鍵ボックスの鍵をファイルに書く。ボックスを設定する人が使う。

        この鍵を持つ人は、このボックスの暗証番号をすべて計算できる。
        """
    ),
    "keyEpoch of the lock.": "錠の keyEpoch。",
    "There is no master key {path}.": "マスター鍵 {path} がありません。",
    "Start the town once, or name its folder with --data.": (
        "まちを一度起動するか、--data でフォルダーを指定してください。"
    ),
    "The key of the box is in {path}, for its owner only.": (
        "ボックスの鍵を {path} に書きました。読めるのは所有者だけです。"
    ),
    "Be a key box without network: take PINs and say whether it opens.": (
        """通信のない鍵ボックスになり、暗証番号を受けて、開くかどうかを答える。

        知っているのは KEYFILE の鍵と時計だけ。--pin がなければ、空行か Ctrl-D まで暗証番号を
        一つずつ尋ねる。`shut` で鍵を戻す。
        """
    ),
    "What the box's clock shows, with an offset.": "ボックスの時計の時刻（時差つき）。",
    "Take this one PIN; exit code 1 where the box stays shut.": (
        "この暗証番号だけを受ける。開かなければ終了コード 1。"
    ),
    "The box is shut. Type a PIN, or `shut` to put the key back.": (
        "ボックスは閉じています。暗証番号か、鍵を戻すなら `shut` を入力してください。"
    ),
    "Receipt: {receipt}": "返却番号: {receipt}",
    "{path} is no key of a box.": "{path} はボックスの鍵ではありません。",
    "not a time": "時刻ではありません",
    "a time without an offset": "時差のない時刻です",
    "It opens.": "開きます。",
    "It opens for an area leader.": "地区の責任者の番号で開きます。",
    "It stays shut: staff have blocked this PIN.": ("開きません。職員がこの番号を止めています。"),
    "It stays shut, and takes the blocked PIN no more.": (
        "開きません。止めた番号は、もう受け付けません。"
    ),
    "It takes no PIN for another {seconds} s.": "あと {seconds} 秒、暗証番号を受け付けません。",
    "Wrong. It takes no PIN for {seconds} s.": (
        "違います。これから {seconds} 秒、暗証番号を受け付けません。"
    ),
    "Wrong. It stays shut.": "違います。開きません。",
}
