"""What `machi.commands.accounts` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Make, list and remove accounts of people, for a broker with --auth embedded.": (
        """--auth embedded のブローカーで人のアカウントを作り、一覧し、消す。

        データフォルダで働く。ブローカーは動いていてよい。名前は要約値だけを残すので、一覧は
        ID で示す。
"""
    ),
    "Password": "パスワード",
    "Asked for if left out, which keeps it out of the shell's history.": (
        "省略すると尋ねる（シェルの履歴に残らない）。"
    ),
    "Make an account for a name, with a password of at least 12 characters.": (
        "名前のアカウントを作る。パスワードは 12 文字以上。"
    ),
    "The account {id} is made; sign in with the name and password.": (
        "アカウント {id} を作りました。名前とパスワードでサインインします。"
    ),
    "List accounts by id.": "アカウントを ID 順に一覧する。",
    "There are no accounts yet; machi accounts create makes one.": (
        "アカウントはまだありません。machi accounts create で作れます。"
    ),
    "Change a password, and end the sessions that are open under the name.": (
        "パスワードを変え、その名前のセッションを終わらせる。"
    ),
    "There is no account of this name. See machi accounts list.": (
        "その名前のアカウントはありません。machi accounts list を見てください。"
    ),
    "The password is changed, and open sessions are ended.": (
        "パスワードを変え、開いていたセッションを終わらせました。"
    ),
    "Forget an account and its sessions.": "アカウントとそのセッションを消す。",
    "The account {id} is gone.": "アカウント {id} を消しました。",
    "a password has at least {number} characters": "パスワードは {number} 文字以上です",
}
