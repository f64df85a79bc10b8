"""What people agreed to: purposes, assessments, consents, guardianships, overrides.

They are entities of the broker. `model` reads them, `register` knows those in force, `notice` is
what a person is shown, `rules` are what every write of them must keep to.
"""
