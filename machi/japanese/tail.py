"""What `machi.commands.tail` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Watch changes as they happen, one line each, until Ctrl-C.": (
        """変化をその場で一行ずつ表示する（Ctrl-C まで）。

        切断されても続きから再開し、ブローカーが保持する七日分の抜けはない。`enter` は
        新しく作られたか条件を満たし始めた実体、`leave` と `delete` はその逆。
"""
    ),
    "Entity types, joined by commas.": "実体の型。コンマ区切り。",
    "Entity ids, joined by commas.": "実体の ID。コンマ区切り。",
    "Of updates, only those of these attributes.": "この属性が変わった更新だけ。",
    "Show only these attributes.": "この属性だけを示す。",
    "Begin with what is there now.": "現在あるものから始める。",
    "Begin behind this change.": "この番号の変化の次から。",
    "End after so many events.": "この件数で終わる。",
    "connected": "接続",
    "connection lost, trying again": "切断。再接続を試みます",
    "changes were missed for good": "取り戻せない抜けがあります",
    "that is all there is now; what follows is new": "現在の分は以上。以降は新しい変化",
    "the broker ends the stream": "ブローカーがストリームを終えました",
    "now": "現在",
}
