"""What `machi.commands.dead_letters` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "All letters of this subscription.": "このサブスクリプションのすべて。",
    "Look at notifications that could not be delivered; send them again, or let them go.": (
        """届けられなかった通知（不達）を見る・送り直す・捨てる。

        最後の試みまで失敗した通知が不達になる。内容は変化した当時のまま。送り直すと、
        待ち行列の元の位置に戻る。
"""
    ),
    "LETTER": "不達",
    "DIED": "時刻",
    "TRIES": "回数",
    "ENTITY": "実体",
    "SUBSCRIPTION": "サブスクリプション",
    "WHY": "理由",
    "Mend the receiver, then: machi dead-letters replay LETTER": (
        "受信側を直してから: machi dead-letters replay 不達"
    ),
    "List dead letters, the newest first.": "不達を新しい順に一覧する。",
    "Show a dead letter whole, with the notification as it would be sent.": (
        "不達の全体を、送るはずの通知とともに示す。"
    ),
    "{replayed} wait to be sent": "{replayed} 件を送信待ちに戻しました",
    "Send one dead letter again, or all of a subscription.": (
        "不達を一つ、またはサブスクリプションの分すべて送り直す。"
    ),
    "{discarded} are gone": "{discarded} 件を捨てました",
    "Let one dead letter go, or all of a subscription. They cannot be had back.": (
        "不達を一つ、またはサブスクリプションの分すべて捨てる。元には戻せない。"
    ),
    "There are no dead letters.": "不達の通知はありません。",
    "… and {found} more: --limit": "他 {found} 件: --limit",
    "{letter} waits to be sent": "{letter} を送信待ちに戻しました",
    "{letter} is gone": "{letter} を捨てました",
    "Name one LETTER, or a --subscription.": (
        "LETTER を一つか、--subscription のどちらかを指定してください。"
    ),
}
