"""What goes out besides the training files: one module for each format, behind one interface."""
