import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTexts } from "../texts/texts.ts";

interface PageProps {
  readonly title: string;
  readonly back?: { readonly href: string; readonly text: string };
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A page of the console; its heading gets the focus, so that keyboards and screen readers begin there. */
export function Page({ title, back, actions, children }: PageProps) {
  const texts = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    document.title = `${title} · ${texts.product}`;
  }, [title, texts]);
  return (
    <div class="content">
      {back && (
        <p class="back">
          <a href={back.href}>← {back.text}</a>
        </p>
      )}
      <header class="page-head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {actions !== undefined && <div class="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page with a heading. */
export const Card = ({
  title,
  actions,
  children,
}: {
  readonly title: string;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) => (
  <section class="card">
    <header class="card-head">
      <h2>{title}</h2>
      {actions !== undefined && <div class="row">{actions}</div>}
    </header>
    {children}
  </section>
);

/** What is shown where there is nothing yet. */
export const Empty = ({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) => (
  <div class="empty">
    <p>{title}</p>
    {children}
  </div>
);
