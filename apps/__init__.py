"""City apps, one folder per app.

Apps hold no truth of their own: they follow changes in the broker and write entities back.
"""
