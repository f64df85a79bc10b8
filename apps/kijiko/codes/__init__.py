"""What is scanned: a shop's code, a citizen's code, and their pictures.

`emv.py` is the notation (tag, length, value, checksum), `merchant.py` what a shop's code says,
`dynamic.py` the signed codes of one use, `picture.py` draws one.
"""
