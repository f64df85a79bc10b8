"""What `machi.commands.ledger` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "its postings do not sum to zero, or it is no transfer": (
        "仕訳の合計が 0 でないか、取引ではありません"
    ),
    "its balance is not the sum of its postings": "残高が仕訳の合計と違います",
    "its lots are not what its balance and postings say": (
        "有効期限ごとの内訳が残高や仕訳と違います"
    ),
    "its balance is below zero": "残高が 0 を下回っています",
    "it is gone": "なくなっています",
    "it was changed after it was written": "書かれた後に変えられています",
    "it is in the chain twice": "連鎖に二度現れます",
    "a link of the chain is missing": "連鎖の環が欠けています",
    "it does not name the link before it": "前の環を指していません",
    "the link was changed after it was written": "環が書かれた後に変えられています",
    "Look after the books of the local currency.": "地域通貨の帳簿を調べる。",
    "Check that the books balance and that nothing in them was changed.": (
        """帳簿が一致し、書かれた後に変えられていないかを調べる。

        動いているブローカーの取引、口座、連鎖の環をすべて読む。最初に変えられた取引、
        仕訳や内訳と合わない口座、末尾のまだ封のない取引の数を示す。
        示された head を控えておき、後で --head に渡すと、連鎖にその環が残っているかが分かる。
        """
    ),
    "Id of the currency.": "通貨の ID。",
    "Head that an earlier check printed: the chain must still have it.": (
        "前に調べたときの head。連鎖に残っていなければならない。"
    ),
    "The books do not balance, or were changed.": "帳簿が一致しないか、変えられています。",
    "Stop payments, keep a backup as evidence, and compare it with earlier ones.": (
        "支払いを止め、証拠としてバックアップを取り、以前のものと比べてください。"
    ),
    "The chain has no link with the digest {head}.": (
        "連鎖にダイジェスト {head} の環がありません。"
    ),
    "Its end was cut off, or it was written anew: compare it with a backup.": (
        "末尾が切り取られたか、書き直されています。バックアップと比べてください。"
    ),
    "{transfers} transfers, {wallets} wallets": "取引 {transfers} 件、口座 {wallets} 件",
    "{sealed} transfers are in the chain": "{sealed} 件の取引が連鎖にあります",
    "{number} wallets were too busy to compare": (
        "{number} 件の口座は動きが多く、比べられませんでした"
    ),
    "{expected} expected, {found} found": "あるべき額 {expected}、実際 {found}",
}
