"""Reports: tables and sentences for the terminal, figures for the study's folder."""
