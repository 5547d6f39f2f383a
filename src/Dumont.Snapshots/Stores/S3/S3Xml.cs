using System.Xml;
using System.Xml.Linq;

namespace Dumont.Snapshots;

/// <summary>Reads the documents that a server answers: untrusted, so bounded and without anything that points elsewhere.</summary>
internal static class S3Xml
{
    private const long LettersMax = 16 << 20;

    /// <exception cref="DamagedAnswerException">It is not XML, or too long.</exception>
    public static async Task<XElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        try
        {
            using var reader = XmlReader.Create(
                stream, new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit, MaxCharactersInDocument = LettersMax, CheckCharacters = false });
            return (await XDocument.LoadAsync(reader, LoadOptions.None, cancellationToken)).Root!;
        }
        catch (XmlException)
        {
            throw new DamagedAnswerException("the answer is not the document that it should be");
        }
    }

    public static IEnumerable<XElement> Children(this XElement element, string name) => element.Elements().Where(child => child.Name.LocalName == name);

    public static string? Text(this XElement element, string name) => element.Children(name).FirstOrDefault()?.Value;
}
