"""Door locks on Zigbee, through Zigbee2MQTT."""
