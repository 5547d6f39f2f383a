using System.Globalization;
using System.Text;

namespace Dumont.Cli.Output;

/// <summary>Makes text from elsewhere safe to show: a label must not move the cursor, set the title or fill the clipboard.</summary>
internal static class TerminalText
{
    private const char Escape = '\u001b';

    /// <summary>Without escape sequences (their content too) and control characters; line feeds and tabs stay.</summary>
    public static string Clean(string text)
    {
        var index = 0;
        while (index < text.Length && !IsUnsafe(text[index]))
        {
            index++;
        }

        if (index == text.Length)
        {
            return text;
        }

        var clean = new StringBuilder(text.Length).Append(text, 0, index);
        while (index < text.Length)
        {
            var c = text[index];
            if (c == Escape)
            {
                index = AfterSequence(text, index + 1);
            }
            else if (c is '\u009b' or '\u0090' or '\u009d' or '\u0098' or '\u009e' or '\u009f')
            {
                // The one-character forms of ESC [ and of the strings.
                index = c == '\u009b' ? AfterControl(text, index + 1) : AfterString(text, index + 1);
            }
            else
            {
                if (!IsUnsafe(c))
                {
                    clean.Append(c);
                }

                index++;
            }
        }

        return clean.ToString();
    }

    /// <summary><see cref="Clean"/>, on one line.</summary>
    public static string Line(string text)
    {
        var clean = Clean(text);
        return clean.AsSpan().IndexOfAny('\n', '\t') < 0 ? clean : clean.Replace('\n', ' ').Replace('\t', ' ');
    }

    /// <summary>Columns the text takes on a terminal.</summary>
    public static int Width(string text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            width += WidthOf(rune);
        }

        return width;
    }

    /// <summary>Cuts to a width, ending in an ellipsis.</summary>
    public static string Truncate(string text, int width)
    {
        if (Width(text) <= width)
        {
            return text;
        }

        var cut = new StringBuilder();
        var used = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            used += WidthOf(rune);
            if (used > width - 1)
            {
                break;
            }

            cut.Append(rune.ToString());
        }

        return cut.Append('…').ToString();
    }

    // Controls of C0 and C1, DEL, and the marks that turn the reading direction round.
    private static bool IsUnsafe(char c) =>
        (c < ' ' && c is not '\n' and not '\t') || c is >= '\u007f' and <= '\u009f' or >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069';

    private static int AfterSequence(string text, int index)
    {
        if (index >= text.Length)
        {
            return index;
        }

        return text[index] switch
        {
            '[' => AfterControl(text, index + 1),
            ']' or 'P' or 'X' or '^' or '_' => AfterString(text, index + 1),
            // ESC, intermediates, one final character.
            >= ' ' and <= '/' => AfterSequence(text, index + 1),
            _ => index + 1,
        };
    }

    // ESC [ parameters final
    private static int AfterControl(string text, int index)
    {
        while (index < text.Length && text[index] is >= ' ' and <= '?')
        {
            index++;
        }

        return index < text.Length && text[index] is >= '@' and <= '~' ? index + 1 : index;
    }

    // ESC ] anything, up to BEL or ESC \. Without an end, only to the end of the line.
    private static int AfterString(string text, int index)
    {
        while (index < text.Length && text[index] is not '\n')
        {
            if (text[index] is '\a' or '\u009c')
            {
                return index + 1;
            }

            if (text[index] == Escape)
            {
                return index + 1 < text.Length && text[index + 1] == '\\' ? index + 2 : index;
            }

            index++;
        }

        return index;
    }

    private static int WidthOf(Rune rune)
    {
        if (rune.Value < 0x300)
        {
            return 1;
        }

        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format)
        {
            return 0;
        }

        return rune.Value is (>= 0x1100 and <= 0x115f) or (>= 0x2e80 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3) or (>= 0xf900 and <= 0xfaff)
            or (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0x1f300 and <= 0x1faff) or (>= 0x20000 and <= 0x3fffd) ? 2 : 1;
    }
}
