"""What `machi.commands.explain_subscription` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Say why a subscription was notified of a change or not, condition by condition.": (
        """変化が通知された・されなかった理由を、条件ごとに示す。

        --entity も --change も付けなければ、配信の様子と、直近の失敗の理由を示す。
        変化の番号は machi tail --json の seq。
"""
    ),
    "Of the newest change of this entity.": "この実体の最も新しい変化について。",
    "Of the change of this number.": "この番号の変化について。",
    "Name an entity or a change, not both.": "実体か変化のどちらか一方を指定してください。",
    "It was notified.": "通知されました。",
    "A notification was due, and is not delivered.": "通知すべき変化で、まだ届いていません。",
    "Whether it was notified is not for you to know.": (
        "通知されたかどうかを知る権限がありません。"
    ),
    "Whether it was notified can no longer be said.": "通知されたかどうかは、もう分かりません。",
    "It was not to be notified.": "通知の対象ではありません。",
    "Change {seq} at {at}, {kind} of {entity}:": "変化 {seq}（{at}、{entity} の {kind}）:",
    "It is {status}.": "状態: {status}",
    "Of {queued} notifications {delivered} are delivered, {waiting} wait, {dead} are dead "
    "letters, {expired} expired, {cancelled} were cancelled, {withheld} withheld, {superseded} "
    "overtaken by a newer period.": (
        "通知 {queued} 件のうち、届いた {delivered}、待ち {waiting}、不達 {dead}、"
        "期限切れ {expired}、取消 {cancelled}、差し止め {withheld}、"
        "新しい定期通知で置換 {superseded}。"
    ),
    "The newest failure, at {at}: {why}": "直近の失敗（{at}）: {why}",
    "Nothing was due to it yet. Ask why of an entity: --entity ID": (
        "まだ通知すべき変化がありません。実体について調べるには: --entity ID"
    ),
}
