"""Files exchanged with banks: `zengin.py` pays shops out, `deposits.py` brings charges in.

`kana.py` turns names into the characters that banks' files know.
"""
