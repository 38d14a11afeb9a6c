"""Template tags every app may use; they present values and never read the database."""
