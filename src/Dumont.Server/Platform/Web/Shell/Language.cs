using System.Globalization;
using Microsoft.Net.Http.Headers;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>A language that pages are written in, with its way of writing numbers, money and dates. The two are made by hand: the rules are few, and
/// the server runs without the culture data of the system (ADR-0008).</summary>
public sealed class Language
{
    /// <summary>English.</summary>
    public static readonly Language English = new("en", "English", ".", ",", "$", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", n => n == 1);

    /// <summary>Portuguese of Brazil; none and one are both singular there.</summary>
    public static readonly Language Portuguese =
        new("pt-BR", "Português", ",", ".", "US$\u00A0", "jan fev mar abr mai jun jul ago set out nov dez", n => n is 0 or 1);

    /// <summary>Every language there is.</summary>
    public static readonly IReadOnlyList<Language> All = [English, Portuguese];

    private readonly NumberFormatInfo _numbers;
    private readonly string[] _months;
    private readonly string _dollar;
    private readonly Func<long, bool> _isOne;

    private Language(string tag, string name, string point, string group, string dollar, string months, Func<long, bool> isOne)
    {
        (Tag, Name, _dollar, _isOne, _months) = (tag, name, dollar, isOne, months.Split(' '));
        _numbers = new NumberFormatInfo { NumberDecimalSeparator = point, NumberGroupSeparator = group };
    }

    /// <summary>As in <c>lang</c> and <c>Accept-Language</c>: <c>en</c>, <c>pt-BR</c>.</summary>
    public string Tag { get; }

    /// <summary>In the language itself.</summary>
    public string Name { get; }

    /// <summary>The language with <paramref name="tag"/>, or null.</summary>
    public static Language? Find(string? tag) => All.FirstOrDefault(language => language.Tag == tag);

    /// <summary>The one that was chosen before, else <see cref="Accepted"/>.</summary>
    public static Language Of(HttpRequest request) => Find(request.Cookies[Preferences.LanguageCookie]) ?? Accepted(request);

    /// <summary>The one that the client likes best of those there are; English for one who says nothing that we understand.</summary>
    public static Language Accepted(HttpRequest request)
    {
        foreach (var wanted in request.GetTypedHeaders().AcceptLanguage.Where(value => value.Quality is not 0).OrderByDescending(value => value.Quality ?? 1))
        {
            var tag = wanted.Value.ToString().Split('-')[0];
            if (tag == "*")
            {
                return English;
            }

            if (All.FirstOrDefault(language => tag.Equals(language.Tag.Split('-')[0], StringComparison.OrdinalIgnoreCase)) is { } spoken)
            {
                return spoken;
            }
        }

        return English;
    }

    /// <summary>The one in which an answer of the API is told to people; the answer says so.</summary>
    public static Language Answering(HttpContext context)
    {
        var language = Accepted(context.Request);
        context.Response.Headers.ContentLanguage = language.Tag;
        context.Response.Headers.Append(HeaderNames.Vary, HeaderNames.AcceptLanguage);
        return language;
    }

    /// <summary>With so many decimals, thousands apart.</summary>
    public string Number(double value, int decimals = 0) => value.ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), _numbers);

    /// <summary>US dollars: with cents from ten upwards, finer below, so that a price by the hour keeps its digits.</summary>
    public string Usd(decimal value) => Signed(value, Math.Abs(value) switch { < 1 => 4, < 10 => 3, _ => 2 });

    /// <summary>US dollars with cents.</summary>
    public string UsdCents(decimal value) => Signed(value, 2);

    /// <summary>A size in powers of ten: <c>12.3 MB</c>.</summary>
    public string Bytes(long bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB"];
        var (value, unit) = ((double)bytes, 0);
        while (value >= 1000 && unit < units.Length - 1)
        {
            (value, unit) = (value / 1000, unit + 1);
        }

        return $"{Number(value, unit == 0 ? 0 : 1)} {units[unit]}";
    }

    /// <summary>Date and time, UTC.</summary>
    public string Time(DateTimeOffset at)
    {
        var utc = at.UtcDateTime;
        return string.Create(CultureInfo.InvariantCulture, $"{utc.Day} {_months[utc.Month - 1]} {utc.Year} {utc:HH:mm:ss} UTC");
    }

    /// <summary>Whether <paramref name="count"/> takes the singular.</summary>
    public bool IsOne(long count) => _isOne(count);

    private string Signed(decimal value, int decimals) =>
        (value < 0 ? "\u2212" : "") + _dollar + Math.Abs(value).ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), _numbers);
}
