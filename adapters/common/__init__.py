"""What all adapters share: durable intake, bad messages kept apart, connections, commands.

wire ─► spool ─► decode ─► write        (`intake.py`; messages wait in a file of their own)
                    └────► quarantine   (what cannot be used, with its reason)
broker's live stream ─► orders ─► device, and the result back as attributes
"""
