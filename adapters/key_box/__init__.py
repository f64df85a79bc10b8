"""Key boxes without network: PINs computed from a shared key and the clock."""
