"""The edge of the bookings app: payment providers and mail."""
