"""What `machi.commands.data` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "{data} is whole": "{data} は無傷です",
    "Check that the data in a folder are whole: file, indexes, change feed.": (
        "フォルダーのデータ（ファイル、索引、変更フィード）が無傷か調べる。"
    ),
    "{source} is copied to {target}": "{source} を {target} に写しました",
    "{key} is not in it: keep a copy apart, or tokens of receivers cannot be read.": (
        "{key} は含まれません。別に保管してください。なければ受信先のトークンを読めません。"
    ),
    "Copy what the broker keeps in the data folder SOURCE, running or stopped, to TARGET.": (
        """ブローカーがデータフォルダー SOURCE に保存したものを TARGET に写す（動作中でもよい）。

        エンティティ、変更の列、購読、その待ち行列、履歴を写す。鍵とアカウント、金庫、記録、秘密は
        別のファイルである。どれがあるかを示すので、それらも写すこと。鍵は離して保管すること。
"""
    ),
    "Not in it, copy them too: {files}": "含まれないもの（別に写してください）: {files}",
    "Put the file of the same backup there.": "同じバックアップのファイルを置いてください。",
    "{source} is restored to {data}": "{source} を {data} に戻しました",
    "Put the backup file SOURCE in place as a data folder. The broker must be stopped.": (
        "バックアップ SOURCE をデータフォルダーとして戻す。ブローカーは止めておくこと。"
    ),
    "Replace data that are there.": "既にあるデータを置き換える。",
    "{faults} faults found in {data}.": "{data} に {faults} 件の異常。",
    "Restore a backup: machi restore BACKUP --data DIR": (
        "バックアップから戻してください: machi restore BACKUP --data DIR"
    ),
}
