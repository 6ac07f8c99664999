import "./lib/no-eval.ts";
import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./shell.tsx";
import "./styles/console.css";

applyTheme();

const root = document.getElementById("console");
if (root) render(<App />, root);
