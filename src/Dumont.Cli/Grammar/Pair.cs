using System.Diagnostics.CodeAnalysis;

namespace Dumont.Cli.Grammar;

/// <summary>How a pair gives its value.</summary>
internal enum PairKind
{
    /// <summary><c>key=text</c>: converted by the key's type.</summary>
    Text,

    /// <summary><c>key:=json</c>: JSON as it stands.</summary>
    Json,

    /// <summary><c>key=@file</c>: the file's content, as text.</summary>
    File,
}

// pair  = key ( "=" value / ":=" json / "=@" file )
// key   = name *( "." name ) ; name = ( letter / "_" ) *( letter / digit / "_" / "-" )
// value = any text; one that begins with backslashes and "@" carries one backslash more: key=\@home is the text "@home"

/// <summary>One <c>key=value</c> argument. <see cref="TryParse"/> and <see cref="ToString"/> undo each other.</summary>
internal readonly record struct Pair(string Key, PairKind Kind, string Value)
{
    public static bool TryParse(string token, [NotNullWhen(true)] out Pair? pair)
    {
        pair = null;
        var end = KeyLength(token);
        if (end == 0 || end == token.Length)
        {
            return false;
        }

        var key = token[..end];
        var rest = token.AsSpan(end);
        if (rest.StartsWith(":=", StringComparison.Ordinal))
        {
            pair = new Pair(key, PairKind.Json, rest[2..].ToString());
        }
        else if (rest.StartsWith("=@", StringComparison.Ordinal))
        {
            pair = new Pair(key, PairKind.File, rest[2..].ToString());
        }
        else if (rest[0] == '=')
        {
            pair = new Pair(key, PairKind.Text, Unescape(rest[1..]));
        }

        return pair is not null;
    }

    public override string ToString() => Kind switch
    {
        PairKind.Json => $"{Key}:={Value}",
        PairKind.File => $"{Key}=@{Value}",
        PairKind.Text => $"{Key}={Escape(Value)}",
    };

    /// <summary>Length of the key at the start of a token; 0 when it does not start with one.</summary>
    public static int KeyLength(string token)
    {
        var nameStarts = true;
        for (var i = 0; i < token.Length; i++)
        {
            var c = token[i];
            if (char.IsAsciiLetter(c) || c == '_' || (!nameStarts && (char.IsAsciiDigit(c) || c == '-')))
            {
                nameStarts = false;
            }
            else if (c == '.' && !nameStarts)
            {
                nameStarts = true;
            }
            else
            {
                return nameStarts ? 0 : i;
            }
        }

        return nameStarts ? 0 : token.Length;
    }

    private static string Escape(string value) => BackslashesBeforeAt(value) >= 0 ? '\\' + value : value;

    private static string Unescape(ReadOnlySpan<char> value) =>
        (BackslashesBeforeAt(value) > 0 ? value[1..] : value).ToString();

    // -1: the value does not begin with backslashes and an at sign.
    private static int BackslashesBeforeAt(ReadOnlySpan<char> value)
    {
        var count = 0;
        while (count < value.Length && value[count] == '\\')
        {
            count++;
        }

        return count < value.Length && value[count] == '@' ? count : -1;
    }
}
