// The panels beside the editors: GraphiQL plugins whose contents are Preact components,
// since they share code with the console.
import { createElement, useEffect, useRef, useState } from 'react';
import { pick, useGraphiQL } from '@graphiql/react';
import { h, render } from 'preact';
import { CodePanel } from './panels/code.jsx';
import { LoginPanel } from './panels/login.jsx';
import { PlanPanel } from './panels/plan.jsx';
import './panels/panels.css';

/** The text of an editor as it is typed. */
function useText(editor) {
  const [text, setText] = useState(() => editor?.getValue() ?? '');
  useEffect(() => {
    if (!editor) return undefined;
    setText(editor.getValue());
    const listener = editor.onDidChangeModelContent(() => setText(editor.getValue()));
    return () => listener.dispose();
  }, [editor]);
  return text;
}

/** A React component that shows a Preact component with the state of the editors. */
const bridge = (Panel, more) =>
  function Bridge() {
    const target = useRef(null);
    const { queryEditor, variableEditor, headerEditor, operationName } = useGraphiQL(pick('queryEditor', 'variableEditor', 'headerEditor', 'operationName'));
    const properties = { query: useText(queryEditor), variables: useText(variableEditor), headers: useText(headerEditor), operationName, setHeaders: (text) => headerEditor?.setValue(text), ...more };
    useEffect(() => render(h(Panel, properties), target.current));
    useEffect(() => {
      const element = target.current;
      return () => render(null, element);
    }, []);
    return createElement('div', { ref: target, className: 'souk panel-content' });
  };

const icon = (...paths) =>
  function Icon() {
    return createElement('svg', { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', strokeWidth: 1.6, strokeLinecap: 'round', strokeLinejoin: 'round', 'aria-hidden': true }, ...paths.map((d) => createElement('path', { d, key: d })));
  };

/** The panels that this gateway has; login is whether its graph has a mutation logIn. */
export function panels({ endpoint, console: url, runs, login }) {
  const list = [];
  if (url) list.push(plan(url, runs));
  list.push(code(endpoint));
  if (login) list.push(loginPanel(endpoint));
  return list;
}

// A plugin must stay the same object, or GraphiQL closes its panel.
const once = (make) => {
  let made;
  return (...values) => (made ??= make(...values));
};

const plan = once((url, runs) => ({ title: 'Query plan', icon: icon('M4 3h7v5H4z', 'M13 10h7v5h-7z', 'M13 17.5h7v4h-7z', 'M7 8v11.5h6', 'M7 12.5h6'), content: bridge(PlanPanel, { url, runs }) }));
const code = once((endpoint) => ({ title: 'Code', icon: icon('M8 7l-5 5 5 5', 'M16 7l5 5-5 5', 'M13.5 5l-3 14'), content: bridge(CodePanel, { endpoint }) }));
const loginPanel = once((endpoint) => ({ title: 'Log in', icon: icon('M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z', 'M4.5 21c.6-4 3.6-6 7.5-6s6.9 2 7.5 6'), content: bridge(LoginPanel, { endpoint }) }));
