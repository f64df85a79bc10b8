"""What `machi.commands.leader` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Give an area leader a PIN that opens a lock at any time, and show it once.": (
        """地区の責任者に、いつでも錠を開けられる暗証番号を渡す。表示は一度だけ。

        NAME は責任者の仮名（地区名など）。使うたびに扉の記録に残る。取り消しは鍵の画面で行う。
        """
    ),
    "letters, digits, - and _ only": "英数字と - と _ だけが使えます",
    "There is no lock {lock}.": "錠 {lock} はありません。",
    "The lock does not have it yet: {reason}.": "まだ錠に届いていません: {reason}。",
    "PIN of {name}: {pin}": "{name} の暗証番号: {pin}",
    "The lock has not confirmed it yet; the page of keys says when.": (
        "錠はまだ確認していません。鍵の画面でわかります。"
    ),
}
