"""The report of a comparison: one self-contained HTML page, made from its summary alone."""

from dicetune.reporting.html import SUMMARY_FILE, SUMMARY_VERSION, render, write_report

__all__ = ["SUMMARY_FILE", "SUMMARY_VERSION", "render", "write_report"]
