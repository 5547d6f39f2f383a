using System.Globalization;
using System.Text;

namespace Dumont.Agent;

/// <summary>
/// One line an event on standard error: <c>2026-01-31T12:00:00.123Z INFO event key=value key="a value"</c>. Built here because the agent
/// carries no logging library. Values never hold secrets: no token, no key, no file content is ever passed in.
/// </summary>
internal sealed class AgentLog(TextWriter output, TimeProvider time)
{
    private readonly Lock _lock = new();

    public void Info(string name, params ReadOnlySpan<(string Key, object? Value)> fields) => Write("INFO", name, fields);

    public void Warn(string name, params ReadOnlySpan<(string Key, object? Value)> fields) => Write("WARN", name, fields);

    private void Write(string level, string name, ReadOnlySpan<(string Key, object? Value)> fields)
    {
        var line = new StringBuilder()
            .Append(time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture))
            .Append(' ').Append(level).Append(' ').Append(name);
        foreach (var (key, value) in fields)
        {
            line.Append(' ').Append(key).Append('=');
            AppendValue(line, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
        }

        lock (_lock)
        {
            output.WriteLine(line.ToString());
        }
    }

    // Quotes what is not a plain word, and keeps control characters out: a file name must not forge a line.
    private static void AppendValue(StringBuilder line, string value)
    {
        if (value.Length > 0 && value.All(static letter => char.IsAsciiLetterOrDigit(letter) || "-_.:/@+".Contains(letter, StringComparison.Ordinal)))
        {
            line.Append(value);
            return;
        }

        line.Append('"');
        foreach (var letter in value)
        {
            _ = letter switch
            {
                '"' or '\\' => line.Append('\\').Append(letter),
                '\n' => line.Append("\\n"),
                _ when char.IsControl(letter) => line.Append('?'),
                _ => line.Append(letter),
            };
        }

        line.Append('"');
    }
}
