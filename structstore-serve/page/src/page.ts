// The page. All of its code is in the widget, which is one file for the sake of notebooks.
import { startPage } from "./widget.js";

startPage();
