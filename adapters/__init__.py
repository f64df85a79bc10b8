"""Device adapters, one folder per protocol or vendor.

Each turns what a device sends into entity changes, and entity commands into what the device
understands.
"""
