"""The rules of booking. Pure: times, entities and rules in, times, claims and amounts out."""
