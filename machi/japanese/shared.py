"""What several commands say, and the command line itself, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "The broker at {url} gives no answer ({why}).": "{url} のブローカーが応答しません（{why}）。",
    "it takes too long": "時間切れ",
    "Start it (machi broker, or machi up), or name another with --broker; machi doctor "
    "looks for the cause.": (
        "起動する（machi broker または machi up）か、--broker で別のものを指定してください。"
        "原因は machi doctor で調べられます。"
    ),
    "The answer is {status}, and not from a Machi broker.": (
        "応答は {status} で、Machi のブローカーのものではありません。"
    ),
    "{path} cannot be used: {why}.": "{path} を使えません: {why}",
    "Give a place that is there, with room, and that this user may write to.": (
        "空きがあり、このユーザーが書き込める、実在する場所を指定してください。"
    ),
    "Check --broker.": "--broker を確かめてください。",
    "Machi (町): an open city OS.": "Machi（町）: オープンな都市 OS。",
    "machi up                              the whole demo town, page on http://localhost:8080": (
        "machi up                              デモの町すべて。ページは http://localhost:8080"
    ),
    "machi replay kuma-2020 --speed 600    play a flood into the running town, as a drill": (
        "machi replay kuma-2020 --speed 600    動いている町に洪水を流す（訓練）"
    ),
    "machi broker --data DIR               only the NGSI-LD context broker, on port 1026": (
        "machi broker --data DIR               NGSI-LD ブローカーだけ、ポート 1026"
    ),
    "machi tail --type RiverLevelStation   watch changes as they happen": (
        "machi tail --type RiverLevelStation   変化をその場で見る"
    ),
    "machi doctor                          find out what is wrong, and what to do about it": (
        "machi doctor                          不具合の原因と直し方を調べる"
    ),
    "machi backup data backup.machi        copy the data of a running or stopped broker": (
        "machi backup data backup.machi        データを写す（ブローカーは動いていてよい）"
    ),
    "The file of MACHI_KEY_FILE cannot be read: {why}.": (
        "MACHI_KEY_FILE のファイルが読めません: {why}。"
    ),
    "Tenant it may reach, empty for the default one; all if left out.": (
        "使えるテナント。空は既定のもの。省略するとすべて。"
    ),
    "roles": "役割",
    "the MQTT broker": "MQTT ブローカー",
    "Exit codes:": (
        """
\b
終了コード:
  0  完了、または指示により停止
  1  失敗（理由はメッセージに）
  2  使い方の誤り
  3  ポートが使用中
  4  動いているはずの町やブローカーが応答しない
  5  町のプロセスが起動しない
  6  データまたはバックアップの破損・使用中・不在・重複
  7  ブローカーが拒否（理由はメッセージに）
  8  doctor が手当ての必要な点を見つけた
"""
    ),
    "Examples:": "例:",
    "Folder of the town's data.": "町のデータのフォルダー。",
    "Print JSON, for programs.": "JSON で出力する。",
    "Port of {what}.": "{what} のポート。",
    "@context that names are read and shown by.": "名前の読み書きに使う @context の URL。",
    "Tenant; the default one if left out.": "テナント。省略時は既定のテナント。",
    "URL of the running broker.": "動いているブローカーの URL。",
    "Regular expression for ids.": "ID の正規表現。",
    "Condition: 'level>3;name'.": "条件。例: 'level>3;name'",
    "Scope: '/Hitoyoshi/#'.": "スコープ。例: '/Hitoyoshi/#'",
    "nobody listens there": "待ち受けがありません",
    "{number} of them at the end have no seal": "末尾の {number} 件に封がありません",
    "head {head}": "head {head}",
}
