/** Every word on the page comes through here, from a Fluent file. English only so far. */
import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';
import english from '../locales/en.ftl?raw';

export const LOCALE = 'en-GB';

const bundle = new FluentBundle(LOCALE, { useIsolating: false });
const faults = bundle.addResource(new FluentResource(english));
if (faults.length > 0) throw new Error(`en.ftl: ${faults.map(String).join('; ')}`);

/** The message `id`. An id that is not there shows itself, so that a test sees it. */
export function t(id: string, args?: Record<string, FluentVariable>): string {
  const message = bundle.getMessage(id);
  if (!message?.value) return `⟦${id}⟧`;
  return bundle.formatPattern(message.value, args ?? null);
}

/** The message `<group>-<code>`, or the code itself: codelists may grow before the page does. */
export function codeText(group: string, code: string): string {
  const id = `${group}-${code.replace(/[^A-Za-z0-9]/g, '')}`;
  return bundle.hasMessage(id) ? t(id) : code;
}
