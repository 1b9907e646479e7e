// A dialog of the browser: it keeps the focus, Escape closes it.
import { useEffect, useRef } from 'preact/hooks';
import { IconButton } from './icons.jsx';

export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  const onClick = (event) => event.target === dialog.current && onClose(); // outside of it
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-label={title}
      onClose={onClose}
      onClick={onClick}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div class="dialog-inner">
        <header class="dialog-head">
          <h2>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
