"""What the tripwire tests hide, and how they ask for it by each route."""
