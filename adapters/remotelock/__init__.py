"""RemoteLOCK door locks, through the vendor's cloud."""
