"""River gauges: ultrasonic level sensors on LoRaWAN, through ChirpStack v4 or The Things Stack."""
