"""River gauges: ultrasonic level sensors that report through ChirpStack v4 over MQTT."""
