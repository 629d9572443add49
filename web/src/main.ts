import { mount } from "svelte";
import App from "./App.svelte";
import { route } from "./state/route.svelte";
import { session } from "./state/session.svelte";
import { theme } from "./state/theme.svelte";
import "./styles/fonts.css";
import "./styles/base.css";

theme.start();
route.start();
const target = document.getElementById("page");
if (target) mount(App, { target });
if (route.page === "tour") void session.start();
