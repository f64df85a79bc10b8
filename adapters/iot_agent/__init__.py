"""FIWARE IoT agent protocols: devices that speak Ultralight 2.0 or IoT-Agent JSON."""
