"""What `machi.commands.migrate` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Copy all that the broker's store --from has to the store --to.": (
        """ブローカーの保存先 --from にあるすべてを、保存先 --to に写す。

        保存先は sqlite:フォルダー か mongodb://サーバー/データベース。すべてのテナントの、
        エンティティ（版と時刻も）、番号つきの変更の列、購読、その待ち行列、届かなかった通知、
        コンテキスト、登録、規則、履歴、覚えている応答を写す。鍵、アカウント、金庫はデータの
        フォルダーに残る。両方の保存先のブローカーをすべて止めておくこと。写す先は空であること。
        中断しても、もう一度実行すれば続きから始まる。写し終えるまで、ブローカーはそれを開かない。
        元の保存先は変わらない。

        --verify は写さない。両方を読んで、違いを示す。
        """
    ),
    "Store to read.": "読む保存先。",
    "Store to fill.": "写す先の保存先。",
    "Compare the two stores instead of copying.": "写さずに、二つの保存先を比べる。",
    "Items copied at a time.": "一度に写す件数。",
    "{count} items are copied. Compare: add --verify.": (
        "{count} 件を写しました。比べるには --verify を付けてください。"
    ),
    "The stores differ in {count} places.": "二つの保存先は {count} か所で違います。",
    "Empty the target and copy again, while no broker runs on either store.": (
        "写す先を空にし、どちらの保存先のブローカーも止めて、もう一度写してください。"
    ),
    "Both stores have the same.": "二つの保存先は同じです。",
    "{sort}: {done} of {of}; in all {all_done} of {in_all}, {rate} a second, {left} s left": (
        "{sort}: {of} 件中 {done} 件。全体 {in_all} 件中 {all_done} 件、毎秒 {rate} 件、"
        "残り {left} 秒"
    ),
    "{count} items read": "{count} 件を読みました",
    "tenant": "テナント",
    "what": "種類",
    "count": "件数",
    "digest": "ダイジェスト",
    "Tenant {tenant}, {sort}: {one} in the source, {other} in the target": (
        "テナント {tenant}、{sort}: 元は {one}、写した先は {other}"
    ),
}
