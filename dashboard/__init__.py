"""Channel statistics, the staff overview and demo data; no tables of its own."""
