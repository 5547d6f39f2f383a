using System.Text;

namespace Dumont.Snapshots;

/// <summary>
/// A pattern over paths, in the habits of restic: <c>*</c>, <c>?</c> and <c>[a-z]</c> within one component, <c>**</c> for any number of
/// components; with a leading <c>/</c> it starts at the root of the tree, without one it may start at any component.
/// </summary>
internal sealed class PathPattern
{
    private const string AnyComponents = "**";

    private readonly string[] _components;
    private readonly bool _anchored;

    private PathPattern(string[] components, bool anchored)
    {
        _components = components;
        _anchored = anchored;
    }

    /// <exception cref="ArgumentException">Empty, or a bracket is not closed.</exception>
    public static PathPattern Parse(string pattern) => TryParse(pattern)
        ?? throw new ArgumentException($"'{pattern}' is not a pattern: it is empty, goes up, or has an open bracket.", nameof(pattern));

    /// <summary>Whether <see cref="Parse"/> takes it.</summary>
    public static bool IsPattern(string pattern) => TryParse(pattern) is not null;

    private static PathPattern? TryParse(string pattern)
    {
        // Paths are one char a byte, so the pattern must be.
        var raw = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(pattern));
        var components = raw.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(component => component != ".").ToArray();
        return components.Length > 0 && !components.Contains("..") && components.All(HasClosedBrackets) ? new PathPattern(components, raw[0] == '/') : null;
    }

    /// <summary>Whether it matches this very path; what lies below a match is the caller's.</summary>
    public bool IsMatch(TreePath path)
    {
        if (path.IsRoot)
        {
            return false;
        }

        if (!_anchored && _components.Length == 1 && _components[0] != AnyComponents)
        {
            return MatchesName(_components[0], path.RawName);
        }

        var names = path.Raw.Split('/');
        for (var start = 0; start < names.Length; start++)
        {
            if (Matches(_components, names.AsSpan(start)))
            {
                return true;
            }

            if (_anchored)
            {
                return false;
            }
        }

        return false;
    }

    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> names)
    {
        while (!pattern.IsEmpty)
        {
            if (pattern[0] == AnyComponents)
            {
                for (var skipped = 0; skipped <= names.Length; skipped++)
                {
                    if (Matches(pattern[1..], names[skipped..]))
                    {
                        return true;
                    }
                }

                return false;
            }

            if (names.IsEmpty || !MatchesName(pattern[0], names[0]))
            {
                return false;
            }

            pattern = pattern[1..];
            names = names[1..];
        }

        return names.IsEmpty;
    }

    // The usual two-pointer match: only the last star is ever tried again, so the time is bounded by the product of the lengths.
    private static bool MatchesName(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        int at = 0, star = -1, starAt = 0, position = 0;
        while (position < name.Length)
        {
            if (at < pattern.Length && pattern[at] == '*')
            {
                star = at++;
                starAt = position;
            }
            else if (at < pattern.Length && TryMatchOne(pattern, ref at, name, ref position))
            {
            }
            else if (star >= 0)
            {
                at = star + 1;
                position = ++starAt;
            }
            else
            {
                return false;
            }
        }

        while (at < pattern.Length && pattern[at] == '*')
        {
            at++;
        }

        return at == pattern.Length;
    }

    private static bool TryMatchOne(ReadOnlySpan<char> pattern, ref int at, ReadOnlySpan<char> name, ref int position)
    {
        switch (pattern[at])
        {
            case '?':
                at++;
                position++;

                // One character for the user: the rest of a UTF-8 sequence goes with its first byte.
                while (position < name.Length && (name[position] & 0xC0) == 0x80)
                {
                    position++;
                }

                return true;
            case '[':
                var end = at + 1 + pattern[(at + 1)..].IndexOf(']');
                if (!IsInClass(pattern[(at + 1)..end], name[position]))
                {
                    return false;
                }

                at = end + 1;
                position++;
                return true;
            case '\\' when at + 1 < pattern.Length:
                if (pattern[at + 1] != name[position])
                {
                    return false;
                }

                at += 2;
                position++;
                return true;
            default:
                if (pattern[at] != name[position])
                {
                    return false;
                }

                at++;
                position++;
                return true;
        }
    }

    private static bool IsInClass(ReadOnlySpan<char> members, char value)
    {
        var negated = members is ['^' or '!', ..];
        members = negated ? members[1..] : members;
        var found = false;
        for (var i = 0; i < members.Length; i++)
        {
            if (i + 2 < members.Length && members[i + 1] == '-')
            {
                found |= value >= members[i] && value <= members[i + 2];
                i += 2;
            }
            else
            {
                found |= value == members[i];
            }
        }

        return found != negated;
    }

    private static bool HasClosedBrackets(string component)
    {
        for (var i = 0; i < component.Length; i++)
        {
            if (component[i] == '\\')
            {
                i++;
            }
            else if (component[i] == '[')
            {
                var end = component.IndexOf(']', i + 1);
                if (end <= i + 1)
                {
                    return false;
                }

                i = end;
            }
        }

        return true;
    }
}
