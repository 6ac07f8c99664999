import { render } from "preact";
import "./styles/console.css";

const root = document.getElementById("console");
if (root) render(<p>Waterspout</p>, root);
