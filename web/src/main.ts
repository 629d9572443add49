import { mount } from "svelte";
import App from "./App.svelte";
import { session } from "./state/session.svelte";
import { theme } from "./state/theme.svelte";
import "./styles/fonts.css";
import "./styles/base.css";

theme.start();
const target = document.getElementById("page");
if (target) mount(App, { target });
void session.start();
