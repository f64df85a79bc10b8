"""What `machi.commands.audit` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Look after the log of who was shown which person's data.": (
        """開示の記録を調べる（だれのデータを、だれが見たか）。

        データのフォルダーに対して働く。ブローカーが動いていてもよい。
        """
    ),
    "Check that nothing in the disclosure log was changed since it was written.": (
        """開示の記録が書かれた後に変えられていないかを調べる。

        最初に変えられた行と、末尾の封のない件数を示す。
        示された head を控えておき、後で --head に渡すと、
        末尾が切り取られていないかも分かる。
        """
    ),
    "Head that an earlier check printed: the log must still have it.": (
        "前に調べたときの先頭値。記録に残っていなければならない。"
    ),
    "There is no disclosure log in {data}.": "{data} に開示の記録がありません。",
    "Check --data; a broker with --auth embedded writes one.": (
        "--data を確かめてください。記録は --auth embedded のブローカーが書きます。"
    ),
    "{path} was changed.": "{path} は変えられています。",
    "Keep the file as evidence, and compare it with a backup.": (
        "証拠としてファイルを残し、バックアップと比べてください。"
    ),
    "{path} has no line with the digest {head}.": (
        "{path} にダイジェスト {head} の行がありません。"
    ),
    "Its end was cut off: keep the file, and compare it with a backup.": (
        "末尾が切り取られています。ファイルを残し、バックアップと比べてください。"
    ),
    "{entries} entries are as they were written": "{entries} 件は書かれたままです",
    "line {line}, from byte {offset}: {reason}": "{line} 行目（{offset} バイト目から）: {reason}",
}
