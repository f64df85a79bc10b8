"""Bridge lights: colour fixtures driven by sACN (ANSI E1.31) or by WLED's JSON API."""
