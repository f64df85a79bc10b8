"""What `machi.commands.keys` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Make, list and revoke keys of a broker with --auth embedded.": (
        """--auth embedded のブローカーの鍵を作り、一覧し、取り消す。

        データフォルダで働く。ブローカーは動いていてよく、次の要求から変更に従う。
"""
    ),
    "Make a key for a client, and the client where there is none; show the key once.": (
        """クライアントの鍵を作る（なければクライアントも）。鍵は一度だけ表示する。

        要求のたびに Authorization: Bearer 鍵 として送る。既にあるクライアントでは、オプションが
        その権限を変え、ほかの鍵は有効なまま。
"""
    ),
    "Role of the client, such as developer or staff:river; repeatable.": (
        "クライアントの役割。developer や staff:river など。複数可。"
    ),
    "Purpose it may read for.": "読む目的。",
    "Entity that this device may write, or only some attributes of it; repeatable.": (
        "この機器が書けるエンティティ、またはその一部の属性。複数可。"
    ),
    "Requests a second it may make on average; any if left out.": (
        "1 秒あたりの要求数の上限（平均）。省略すると無制限。"
    ),
    "Requests a day it may make; any if left out.": "1 日の要求数の上限。省略すると無制限。",
    "Days until the key expires; never if left out.": "鍵の有効日数。省略すると無期限。",
    "Keep it now: it is not shown again. Send it as Authorization: Bearer …": (
        "今すぐ控えてください。二度と表示しません。Authorization: Bearer … として送ります。"
    ),
    "List keys, the oldest first.": "鍵を古い順に一覧する。",
    "There are no keys yet; machi keys create makes one.": (
        "鍵はまだありません。machi keys create で作れます。"
    ),
    "valid": "有効",
    "revoked": "取消済み",
    "expired": "期限切れ",
    "client": "クライアント",
    "created": "作成",
    "state": "状態",
    "Let a key open nothing from now on.": "鍵を今後無効にする。",
    "The key {id} is revoked.": "鍵 {id} を取り消しました。",
    "There is no folder {data}.": "フォルダー {data} がありません。",
    "Check --data: it is the folder that the broker was started with.": (
        "--data を確かめてください。ブローカーを起動したときのフォルダーです。"
    ),
    "Forget a client and all its keys.": "クライアントとその鍵をすべて消す。",
    "The client {name} and its keys are gone.": "クライアント {name} と鍵を消しました。",
}
