// Line icons of 20 x 20, drawn for this page. They say nothing to a screen reader: the button does.
const kPaths = {
  plus: 'M10 4v12M4 10h12',
  send: 'M10 16V4M5 9l5-5 5 5',
  stop: 'M6 6h8v8H6z',
  copy: 'M7 7V4h9v9h-3M4 7h9v9H4z',
  check: 'M4 10.5l4 4 8-9',
  edit: 'M4 16l.8-3.6L13 4.2l2.8 2.8-8.2 8.2L4 16z',
  again: 'M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4',
  branch:
    'M6 8.5v3.5M6 12a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM6 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4z' +
    'M14 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM14 8.2c0 3-3 3.6-7.4 4',
  remove: 'M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  down: 'M5 8l5 5 5-5',
  menu: 'M3.5 6h13M3.5 10h13M3.5 14h13',
  close: 'M5 5l10 10M15 5L5 15',
  tune: 'M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4',
  gear:
    'M10 7.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM10 2.8v2M10 15.2v2M2.8 10h2' +
    'M15.2 10h2M4.9 4.9l1.4 1.4M13.7 13.7l1.4 1.4M15.1 4.9l-1.4 1.4M6.3 13.7l-1.4 1.4',
  attach: 'M14.5 9.5l-5 5a3 3 0 0 1-4.3-4.3l6-6a2 2 0 0 1 2.9 2.9l-5.8 5.8a1 1 0 0 1-1.5-1.4l5-5',
  tool: 'M12.2 3.6a4 4 0 0 0-3.9 5.3l-5 5 2.8 2.8 5-5a4 4 0 0 0 5.3-4.9l-2.5 2.5-2.4-.8-.8-2.4z',
  file: 'M5 3h6l4 4v10H5zM11 3v4h4',
  out: 'M10 12V3M6.5 6.5L10 3l3.5 3.5M4 12v5h12v-5',
  in: 'M10 3v9M6.5 8.5L10 12l3.5-3.5M4 12v5h12v-5',
  thought: 'M10 3.5a5.5 5.5 0 0 1 2.5 10.4V16h-5v-2.1A5.5 5.5 0 0 1 10 3.5zM8 18h4',
};

export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={kPaths[name]} />
    </svg>
  );
}

// A button of an icon alone; `label` is its name and its tip.
export function IconButton({ icon, label, ...rest }) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
