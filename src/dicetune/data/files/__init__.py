"""Files as lines, tables, trees and rows of data sets. Nothing here knows a task."""
