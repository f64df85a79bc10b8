"""What `machi.commands.subscriptions` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Show and change who is notified of what: subscriptions.": (
        "サブスクリプション（誰に何を通知するか）を見る・変える。"
    ),
    "STATUS": "状態",
    "SENT": "送信",
    "FAILED": "失敗",
    "OF WHAT": "対象",
    "TO": "宛先",
    "List all subscriptions of a tenant.": "テナントのサブスクリプションを一覧する。",
    "Show one subscription whole, as JSON.": "サブスクリプションを JSON で全部示す。",
    "Show tokens and passwords too, not ***.": "トークンやパスワードも *** にせずに示す。",
    "Make a subscription, and print its id.": (
        """サブスクリプションを作り、その ID を表示する。

        通知は HTTP の POST（--to http://… https://…）か MQTT（--to mqtt://ホスト/トピック）。
        届かないものは待って再送し、最後まで届かなければ machi dead-letters list に残る。
"""
    ),
    "Where to send.": "宛先。",
    "Entity type; repeatable.": "実体の型。複数可。",
    "Entity id; repeatable.": "実体の ID。複数可。",
    "Watched attribute; repeatable.": "監視する属性。複数可。",
    "Only nearer than this.": "この距離より近いもの。",
    "entityCreated, attributeUpdated, entityDeleted, …; repeatable.": (
        "entityCreated、attributeUpdated、entityDeleted など。複数可。"
    ),
    "Notify at intervals instead of on changes.": "変化時でなく一定間隔で通知。",
    "At least so long between two notifications.": "通知の最小間隔。",
    "End, as 2027-01-01T00:00:00Z.": "期限。",
    "Send only this member; repeatable.": "この項目だけ送る。複数可。",
    "HTTP header to send along; repeatable.": "添える HTTP ヘッダー。複数可。",
    "A name for people.": "人が読む名前。",
    "{id_} is paused": "{id_} を休止しました",
    "Pause: what waits is cancelled, nothing more is sent.": (
        "休止する。待っている通知は取り消され、以後送らない。"
    ),
    "{id_} is active": "{id_} を再開しました",
    "Resume a paused subscription, from the next change on.": (
        "休止中のサブスクリプションを、次の変化から再開する。"
    ),
    "{id_} is deleted": "{id_} を削除しました",
    "Delete a subscription, with what waits for it and its dead letters.": (
        "サブスクリプションを、待ちや不達の通知ごと削除する。"
    ),
    "There are no subscriptions.": "サブスクリプションはありません。",
    "Make one: machi subscriptions create --help": "作り方: machi subscriptions create --help",
    "See how it goes: machi subscriptions explain {made}": (
        "様子を見るには: machi subscriptions explain {made}"
    ),
    "--id and --id-pattern need a --type beside them.": (
        "--id と --id-pattern には --type も必要です。"
    ),
    "--near takes longitude, latitude and metres, as 130.76,32.21,500; not {text!r}.": (
        "--near には 130.76,32.21,500 のように経度・緯度・メートルを（{text!r} ではなく）。"
    ),
}
